"""The demo on this machine: real servers as private processes, their state in one folder, nothing left behind."""
