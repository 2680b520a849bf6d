"""The suite BEND: regions of a genome (BED), their letters (FASTA), and labels in the BED or in HDF5."""
