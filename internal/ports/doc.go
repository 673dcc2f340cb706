// Package ports lets a program serve on sockets that the service manager opened, and keeps those
// sockets from everybody else while the program is down.
//
// systemd opens the sockets at boot and keeps them (kiosk-agent.socket, kiosk-relay.socket). It
// passes them to two processes: to the program, which serves on them (Held.Listen), and to a holder
// (Held.Hold), which answers nobody as long as the program serves, and refuses who connects when it
// does not. So no other program of the machine can take the port of a till, and ask it for its
// token, while the agent is stopped, starts again or is upgraded; and who connects meanwhile is
// answered by the next agent, or refused within seconds. Nothing starts the program because of a
// connection: what was stopped stays stopped.
//
// How the holder knows: a program that serves keeps a connection to the holder's Unix socket open
// (Held.Serving), which only its user may. The connection ends with the process, whatever ended it.
//
// Without a service manager that passes sockets everything here is as if it were not: Listen binds.
// A Held is safe for concurrent use. Nothing has to survive a crash.
package ports
