"""Made-up firm-years in the layout of us_annual: weak firms fail more often, and get weaker before they do."""

import numpy as np
import pandas as pd

YEARS = 4


def firms(count: int = 400, seed: int = 0, prefix: str = "F") -> pd.DataFrame:
    """A row a firm-year; the chance of failing rises with liabilities and losses."""
    chance = np.random.default_rng(seed)
    weak, size = chance.normal(size=count), np.exp(chance.normal(4, 1, count))
    failed = chance.random(count) < 1 / (1 + np.exp(1.5 - 2 * weak))
    rows = []
    for year in range(YEARS):
        drift = np.where(failed, 0.06 * year, 0.0) + chance.normal(0, 0.02, count)
        assets, liabilities = size * (1 + 0.02 * year), size * (0.45 + 0.12 * weak + drift).clip(0.05)
        profit = size * (0.05 - 0.05 * weak - drift / 2)
        current, revenue = size * (0.5 - 0.05 * weak), size * 1.1
        rows.append(
            pd.DataFrame(
                {
                    "company_id": [f"{prefix}{n:05d}" for n in range(count)],
                    "fyear": 2004 + year,
                    "failed": failed.astype(int),
                    "current_assets": current,
                    "total_assets": assets,
                    "cost_of_goods_sold": revenue * 0.7,
                    "total_long_term_debt": liabilities * 0.4,
                    "depreciation_and_amortization": size * 0.04,
                    "ebit": profit * 1.3,
                    "gross_profit": revenue * 0.3,
                    "inventory": size * 0.15,
                    "total_current_liabilities": liabilities * 0.5,
                    "net_income": profit,
                    "retained_earnings": size * (0.2 - 0.2 * weak),
                    "total_receivables": size * 0.12,
                    "total_revenue": revenue * (1 + chance.normal(0, 0.1, count)),
                    "total_liabilities": liabilities,
                }
            )
        )
    return pd.concat(rows).sort_values(["company_id", "fyear"], ignore_index=True)
