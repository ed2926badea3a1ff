"""What a user installs elsewhere, made from the catalog that judges here: searches, rules, and how Sumo Logic is set up."""
