"""What a rule, and all rules together, say of themselves in a notebook."""

from __future__ import annotations

import pandas as pd
import yaml

from postloan.glance import Glance


class RuleGlance(Glance):
    """A rule (rules.Rule): what it looks at, from which limits on, on what basis, and what is then to be done."""

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """Title and condition as its file has them; then its examples."""
        condition = self.condition.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
        told = yaml.safe_dump(condition, allow_unicode=True, sort_keys=False, default_flow_style=True, width=10_000)
        days = ", ".join(f"{level} {days}" for level, days in self.days.items())
        head = f"{self.id} ({self.title.zh} · {self.title.en}), {self.group}, {self.status}\ncondition {told.strip()}"
        then = f"{self.owner}, working days: {days}\n{self.action.zh} · {self.action.en}\nbasis: {self.basis}"
        examples = pd.DataFrame([{"given": str(each.given), "expect": each.expect} for each in self.examples])
        return f"{head}\n{then}", [examples]


class BookGlance(Glance):
    """All rules (rules.RuleBook)."""

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """How many there are; then each with its titles and levels."""
        rows = [
            {"rule": each.id, "zh": each.title.zh, "en": each.title.en, "group": each.group}
            | {"levels": ", ".join(each.levels), "status": each.status}
            for each in self.rules.values()
        ]
        head = (
            f"{len(rows)} rules, {len(self.in_force())} in force; .rules[id] shows one, .with_(id, yellow=…) tries one"
        )
        return head, [pd.DataFrame(rows).sort_values(["group", "rule"])]
