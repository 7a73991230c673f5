//go:build tools

// Package tools pins the tools that the tests of k8s/ build, and their dependencies.
package tools

import _ "sigs.k8s.io/kustomize/kustomize/v5"
