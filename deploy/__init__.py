"""How an installation is put on machines. Imports none of ours."""
