"""HTTP around the features: problems, middleware, routing, dependencies, the OpenAPI document."""
