"""What tailgate asks and how answers are graded: item generators, graders, suites. No model, no torch."""
