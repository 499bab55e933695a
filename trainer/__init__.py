"""Train, measure, export and finetune the models of vesselapp: ``python -m trainer --help``."""
