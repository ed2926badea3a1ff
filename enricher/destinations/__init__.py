"""Where a case has a ticket: Jira, ServiceNow, Slack. Each renders the case purely and sends it once."""
