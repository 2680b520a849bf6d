"""`python -m hf_dnalm …` and `accelerate launch -m hf_dnalm …` are the `dnalm` command."""

from hf_dnalm.cli.main import main

if __name__ == "__main__":
    main()
