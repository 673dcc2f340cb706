// Package singapay is the HTTP side of a simulated SingaPay: access token, payment links, QRIS
// codes, their histories, the customer's page, and signed webhooks with retries, all with scripted
// faults.
//
// It is written from the protocol paper singapay.md alone and shares no code with the client that
// it tests, so that one mistake is not made twice. It refuses what that document refuses, drops
// unknown request fields without a word as the gateway does (the control endpoints name them under
// notes), and moves no money. It authenticates nobody on its control endpoints: mount it on a
// loopback listener.
//
// A Server may be used by any number of goroutines. Webhooks are sent by Run alone (or by Deliver),
// one after the other in the order in which they fall due. Nothing survives a crash or a restart,
// except, with Config.Book, links, codes and payments: not tokens, faults, or retries that were
// under way. Secrets and tokens never reach its log.
//
// Amounts on the control side are ISO minor units (Rp10.000 is 1000000), as in sandbox.Collected;
// on the wire they are rupiah.
//
// # Assumptions
//
// How sure we are: A the gateway's documentation, B measured by third parties, C reported from its
// OpenAPI, D inferred, U unknown. What is U has a Config field wherever a client could notice.
//
//	token: X-Signature over the Jakarta date, expires_in a string, bare 403 for a strange IP     A B   ExpiresInNumber
//	token: the legacy v1.0 endpoint with Basic                                                   A
//	calls without Accept or (with a body) Content-Type application/json are refused: 400, SP012  D
//	envelope of /api/v2.0/payment-link                                                           U     LinkEnvelope
//	envelope of all v1.0 paths is v1                                                             A B   OtherEnvelope
//	SP017, SP403 and SP004 come in the v2 envelope on every path: only that one has codes        D
//	a v2 error may come with HTTP 200                                                            C     ErrorsAs200
//	unknown (and immutable) request fields are dropped silently                                  B D
//	pagination stands beside data; links are listed newest first, 25 to a page; other filters ignored  C B U
//	total_amount of answers is a number or "20000.00"                                            A C   AmountText
//	smallest total_amount 10000                                                                  A     MinAmount
//	reff_no unique over all accounts; duplicate: 422, or 409 with SP004                          D U   DuplicateSP004
//	expired_at must lie in the future; omitted = 24 hours                                        D C
//	whitelist: one bad code refuses all; [] and null = all; echoed reversed, retail renamed; all = null  B D
//	status stays open after expiry; status_computed and is_expired are computed                  B
//	status after a single-use link was paid                                                      U     ClosePaid
//	payment_date is filled on fresh links                                                        A
//	what was shown to the customer stays payable when its link closes or expires                 U     (always so)
//	an attempt lives AttemptLife, whatever its link does                                         U     AttemptLife
//	histories carry payment_link_reff_no                                                         C     HideLinkRef
//	delete: 403 once an attempt exists                                                           C
//	QRIS: merchant_reff_no is not unique, amount up to Rp10.000.000, no delete path              U D U
//	QRIS: MDR field names                                                                        U
//	webhook: which body is hashed; how its bytes are escaped                                     U     Hash, PlainWire
//	webhook: retries repeat timestamp and signature                                              U     ResignRetries
//	webhook: retries by status, one minute apart; 401 five times, though nine were seen          A B   Retries401
//	webhook: event and timestamp may be absent                                                   A     OmitEvent
//	webhook: names of inquiry and expiry events                                                  A B   DocumentedNames
//	inquiry: when a method is picked (B); with DocumentedNames also when the page is opened (A); its body then is U
//	inquiry.expired when an attempt expires                                                      A
//	expiry batches: on a whole minute, 54 s or more after; wallets are not swept; the link stays B
//	product expiry batches: never seen to fire                                                   B     ProductExpiry
//	failed and expired attempts send nothing to transaction_notif_url                            A B
package singapay
