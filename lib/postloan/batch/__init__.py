"""How reports are run: run files, jobs, papermill, manifest and index. Knows nothing about credit."""
