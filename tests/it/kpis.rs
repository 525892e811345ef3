//! Properties of ledger and KPIs on random input.
