package engine

import "time"

// queryEvery is the usual gap between two queries about one payment.
const queryEvery = 5 * time.Second

// answerTakes is what LeastAnswerWithin leaves for one answer of the gateway, and for one canary's
// way.
const answerTakes = time.Second

// LeastAnswerWithin is the shortest payment.Policy.AnswerWithin with which a payment that nobody
// made ends as what ended it, and not as unknown. query says whether the gateway is asked.
//
// Asked, it has to answer twice. A question may have been sent just before the withdrawal: the
// first that counts comes a gap after that one, the second settle after the first one's answer and
// not before another gap. Not asked, a canary is sent settle after the withdrawal and comes back.
//
//	with a query     answer_within ≥ gap + max(settle, gap) + 2 answers
//	without          answer_within ≥ settle + 2 ways
func LeastAnswerWithin(settle time.Duration, query bool) time.Duration {
	if query {
		return queryEvery + max(settle, queryEvery) + 2*answerTakes
	}
	return settle + 2*answerTakes
}
