"""The proof: the production code under a seeded scheduler, in time that is made up."""
