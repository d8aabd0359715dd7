"""The Spark data source against real servers, and the fakes that its unit tests share."""
