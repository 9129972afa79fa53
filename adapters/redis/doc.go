// Package redis keeps limits, budgets and the registry of context caches on Redis, for programs of several processes.
package redis
