// Package packaging holds what the packages bring and a program must know as well. The rest of this
// directory is read by packaging/build.
package packaging

import _ "embed" // for the texts below

// AgentConfig is the agent's configuration as the package brings it: comments, and empty values
// where a kiosk has its own.
//
//go:embed agent/config.toml
var AgentConfig string
