"""How reports are run: run files, jobs, papermill, manifest and index. Knows nothing about credit."""

import sys

# jsonschema, which nbformat imports, tries to import this parser of one rare string format. It builds its grammar
# at import, in 2.3 s of every process; marked absent, jsonschema goes without that format, which notebooks lack.
sys.modules.setdefault("rfc3987_syntax", None)
