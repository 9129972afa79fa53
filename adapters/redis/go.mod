module github.com/skinflint-go/skinflint/adapters/redis

go 1.26.0

require (
	github.com/redis/go-redis/v9 v9.23.0
	github.com/skinflint-go/skinflint v0.1.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/skinflint-go/skinflint => ../..
