"""Train, measure and export the models of vesselapp. Importing this package loads nothing heavy."""
