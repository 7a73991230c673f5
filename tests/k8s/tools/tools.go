//go:build tools

// Package tools pins what the tests of k8s/ build, with everything that it is made of.
package tools

import _ "sigs.k8s.io/kustomize/kustomize/v5"
