"""Many runs: records, statistics over patients, folders of results, and the check that they can be had again."""
