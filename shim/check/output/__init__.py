"""The forms in which results are told: text, JSON, SARIF, GitHub annotations; a function from results to text each."""
