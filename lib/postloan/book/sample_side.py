"""The loan side of one sample borrower, written maker by maker: what is lent, secured, said, paid and planted."""

from __future__ import annotations

from postloan.book import (
    sample_case_talks,
    sample_cases,
    sample_flows,
    sample_loans,
    sample_planted,
    sample_projects,
    sample_security,
    sample_talks,
)
from postloan.book.sample_ledger import LOOKS, Client


def write(client: Client) -> None:
    """Write every loan table of a borrower into its ledger."""
    if client.number in sample_cases.CASES:
        sample_cases.lend(client)
        sample_case_talks.talk(client)
    else:
        sample_loans.lend(client)
    sample_flows.people(client)
    sample_projects.lend(client)
    sample_planted.spend(client)
    client.post({client.account: sample_flows.run(client)})
    if client.number >= 10 and client.number not in sample_cases.CASES:
        sample_loans.watch(client, LOOKS)
    sample_security.secure(client)
    sample_talks.talk(client)
