/* wake.pml - sleeping and waking (Dekker): no wake-up is lost.
 *
 * WHAT IS MODELLED
 *   NP producers that enter segments, each with its commit; one word recorder_sleeps for all; the futex
 *   as the kernel gives it: FUTEX_WAIT compares and queues in one step, FUTEX_WAKE orders the caller's
 *   earlier stores before it looks at the queue.  No time-outs, so a lost wake-up is for ever.
 *   "Enters a segment" stands for whatever must wake the recorder; a thread's closing of its slot too.
 *   Default: the waiter drains.  -DSPLIT: as in the recorder, a waiter thread that only notifies
 *   (uv_async_send) and a loop that drains; the re-check is then against what the waiter has handed on.
 *
 * HOW WEAK MEMORY IS MODELLED
 *   A store waits in its thread's buffer and lands at any later time; the seq_cst fence waits until the
 *   thread's stores have landed.  Without it the next load passes the store.
 *
 * WHAT IS ASSERTED
 *   when all producers are done and the recorder sleeps in the futex, everything they committed was
 *   drained.  (The recorder always gets there: anything else is an invalid end state.)
 *
 * MUTANTS
 *   NO_PFENCE   no seq_cst fence in the producer      NO_RFENCE   none in the waiter
 *   NO_RECHECK  the waiter does not look again        NO_COMPARE  FUTEX_WAIT without the comparison
 *   NO_CLEAR    the producer wakes but leaves sleeps  CLEAR_LATE  it wakes first, then clears
 *   SEEN_LATE   (SPLIT) loads the commits a second time for what it notes as handed on, after notifying
 */
#ifndef NP
#define NP      2
#endif
#ifndef NENT
#define NENT    2               /* segments each producer enters */
#endif

byte commit[NP];                /* shared memory */
bit  sleeps;
byte p_commit[NP];              /* buffered, 0: nothing */
bit  p_clear[NP];               /* buffered store sleeps = 0 */
bit  w_on; bit w_val;           /* the waiter's buffered store of sleeps */

bit  waiting;                   /* the waiter is queued in the futex */
byte seen[NP], drained[NP];
bit  async;                     /* uv_async_send was called, the loop has not begun to drain */
byte ndone;

#define LANDED(i) (p_commit[i] == 0 && !p_clear[i])

proctype producer(byte me) {
	byte n;
	bit s;
	do
	:: n < NENT ->
	   n++;
	   p_commit[me] = n;                            /* store_release(commit) */
#ifndef NO_PFENCE
	   LANDED(me);                                  /* seq_cst fence */
#endif
	   s = sleeps;                                  /* load recorder_sleeps */
	   if
	   :: s ->
#if !defined(NO_CLEAR) && !defined(CLEAR_LATE)
	      p_clear[me] = 1;                          /* sleeps = 0, relaxed */
#endif
	      atomic { LANDED(me) -> waiting = 0 };     /* FUTEX_WAKE */
#ifdef CLEAR_LATE
	      p_clear[me] = 1;
#endif
	      s = 0
	   :: else
	   fi
	:: else -> break
	od;
	LANDED(me);
	ndone++
}

proctype memory() {
	byte i;
end:	do
	:: atomic { p_commit[0] != 0 -> commit[0] = p_commit[0]; p_commit[0] = 0 }
	:: atomic { p_clear[0] -> sleeps = 0; p_clear[0] = 0 }
#if NP > 1
	:: atomic { p_commit[1] != 0 -> commit[1] = p_commit[1]; p_commit[1] = 0 }
	:: atomic { p_clear[1] -> sleeps = 0; p_clear[1] = 0 }
#endif
	:: atomic { w_on -> sleeps = w_val; w_on = 0; w_val = 0 }
	od
}

inline drain() {
	i = 0;
	do
	:: i < NP -> drained[i] = commit[i]; i++        /* load_acquire(commit), drain, write */
	:: else -> break
	od;
	i = 0
}

proctype waiter() {
	byte i, c;
	bit more;
	do
	::
#ifndef SPLIT
	   drain();
#endif
	   atomic { !w_on -> w_on = 1; w_val = 1 };     /* sleeps = 1 */
#ifndef NO_RFENCE
	   !w_on;                                       /* seq_cst fence */
#endif
	   more = 0; i = 0;                             /* re-check for data */
#ifndef NO_RECHECK
	   do
	   :: i < NP ->
#ifdef SPLIT
	      atomic { c = commit[i]; if :: c != seen[i] -> more = 1; seen[i] = c :: else fi; c = 0 };
#else
	      atomic { if :: commit[i] != drained[i] -> more = 1 :: else fi };
#endif
	      i++
	   :: else -> break
	   od;
#endif
	   i = 0;
	   if
	   :: more ->
	      more = 0;
#ifdef SPLIT
	      async = 1;                                /* uv_async_send */
#ifdef SEEN_LATE
	      do :: i < NP -> seen[i] = commit[i]; i++ :: else -> break od;
	      i = 0;
#endif
#endif
	      atomic { !w_on -> w_on = 1; w_val = 0 }   /* awake: sleeps = 0 */
	   :: else ->
	      !w_on;                                    /* the kernel sees the caller's stores */
	      atomic {                                  /* FUTEX_WAIT(sleeps == 1) */
	         if
#ifdef NO_COMPARE
	         :: true -> waiting = 1
#else
	         :: sleeps == 1 -> waiting = 1
	         :: else                                /* EAGAIN */
#endif
	         fi
	      };
end:	      !waiting
	   fi
	od
}

#ifdef SPLIT
proctype loop() {
	byte i;
end:	do
	:: atomic { async -> async = 0 };               /* as libuv: cleared before the callback runs */
	   drain()
	od
}
#endif

#if NP > 1
#define ALLDRAINED (drained[0] == commit[0] && drained[1] == commit[1])
#else
#define ALLDRAINED (drained[0] == commit[0])
#endif

/* what has no successor must be good: checked by a process that looks when nothing else can move */
proctype judge() {
	ndone == NP && waiting && !async;
	timeout;
	assert(ALLDRAINED)
}

init {
	byte i;
	atomic {
		for (i : 0 .. NP - 1) { run producer(i) };
		run memory();
		run waiter();
#ifdef SPLIT
		run loop();
#endif
		run judge();
		i = 0
	}
}
