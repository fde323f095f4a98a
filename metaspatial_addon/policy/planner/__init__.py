"""A planner without a model: places any list of furniture in any room by rules and a small search. numpy alone."""
