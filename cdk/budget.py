"""A budget for what AWS bills for a stage."""

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from cdk.config import Config

_NOTICES = (("ACTUAL", 80), ("FORECASTED", 100))
"""Kinds of cost, and the percentage of the budget from which to notify."""


class Budget(Construct):
    """Notifies `alarm_email` of the month's cost, by the tag `stage`, which must be active as a cost allocation tag."""

    def __init__(self, scope: Construct, name: str, config: Config) -> None:
        super().__init__(scope, name)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"triggers-{config.stage}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=config.monthly_budget_dollars or 0, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:stage${config.stage}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind, comparison_operator="GREATER_THAN", threshold=percent
                    ),
                    subscribers=[
                        budgets.CfnBudget.SubscriberProperty(
                            subscription_type="EMAIL", address=config.alarm_email or ""
                        )
                    ],
                )
                for kind, percent in _NOTICES
            ],
        )
