"""What Stripe's channel file stands on: amounts, objects, events, statements. Pure."""
