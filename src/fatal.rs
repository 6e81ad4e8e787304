//! Why the daemon may end, one line each for the operator.
