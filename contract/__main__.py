"""`python -m contract`: write the documents of the contract in docs/ from the models.

It writes nothing if a declaration of an attribute can't work, or if a released schema of an event
would change in a way that breaks subscribers.
"""

import sys

from contract.declarations import DeclarationError
from contract.files import broken_promises, contract_files

try:
    files = contract_files()
except DeclarationError as error:
    sys.exit(str(error))
if promises := broken_promises(files):
    sys.exit("\n".join(promises))
for path, content in files.items():
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
