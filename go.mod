module github.com/skinflint-go/skinflint

go 1.25.0

require golang.org/x/time v0.15.0
