"""What is measured: operators, devices, measuring, workloads, and the harness that makes a record."""
