/* nest.pml - the nest guard: emits of one thread and of the signal handlers that interrupt it, and
 *            handlers that leave an interrupted emit by siglongjmp.
 *
 * WHAT IS MODELLED
 *   One thread: the main code (level 0) makes NMAIN emits; a signal may come between any two steps and
 *   its handler (level 1, 2, 3) makes one emit; NSIG signals in all.  No weak memory: a thread sees its
 *   own stores in order (signal_fence keeps the compiler from moving them).
 *   The thread's slot is claimed by the first emit.  A slot has two rings, main and signal; a guard word
 *   for each holds the frame of the emit that uses it (here its level + 1), 0 = unused.
 *       emit:  ring 0 if unused, else ring 1 if unused, else lost.nested++
 *   -DJUMP: a handler may end by siglongjmp to any level below; all code it interrupted there and above
 *   is gone.  A guard whose frame is not outside ours was abandoned so: the emit takes the guard over,
 *   lost.aborted++, counts emitted[] again from the records of the open segment, and goes on at commit.
 *   A ring is a sequence of words; segments are of no interest here.
 *
 * WHAT IS ASSERTED
 *   when an emit returns, its event is below commit and intact, or it is counted; at the end each emit
 *   that took place is in one ring, once, or counted in lost.*; emitted[] = events below commit, per ring;
 *   the thread claims one slot.  With jumps, lost.aborted is at most the number of emits that were left.
 *   It cannot be more exact, so it is no term of emitted = decoded + lost: an emit left after its commit
 *   is decoded AND counted as aborted; one whose successor is left between taking over and counting is
 *   not counted.  (Neither returned, so nothing that was promised is missing.)
 *
 * LEFT OUT  siglongjmp out of the claim.
 *
 * MUTANTS
 *   POS_EARLY   commit is loaded before the guard is set
 *   NO_GUARD    no guard                            NESTED_RMW     lost.nested++ as load, add, store
 *   CLAIM_OPEN  a handler may claim inside a claim  ONE_WORD       (JUMP) one guard word for both rings,
 *   NO_RECOUNT  (JUMP) emitted[] stays as it is                    the inner emit restores the outer's
 *   RECOUNT_FIRST (JUMP) emitted[] is counted again before the guard is taken over
 *   TAKE_STORE  (JUMP) an abandoned guard is taken over by a store, not an exchange
 */
#ifndef NMAIN
#define NMAIN   2
#endif
#ifndef NSIG
#define NSIG    3
#endif
#define MAXE    (NMAIN + 2 * NSIG)       /* a handler that is jumped back into emits again */
#define NLEV    4
#define NORING  2

short level = 0;                /* who runs: 0 main, 1.. handlers */
byte nsig;                      /* signals so far */

byte slot, claiming, nclaims;   /* thread-local; claiming: signals are blocked */
byte guard[2], commit[2], emitted[2];
byte ring0[MAXE], ring1[MAXE];
byte lost_nested, lost_aborted, lost_noring;

byte nid;                       /* ghosts: the last event id */
byte started, g_left, gone;       /* emits; left by a jump; of these, neither in a ring nor counted */
byte state[NLEV];               /* 1: in emit, 2: guard taken, 3: committed or counted */
bit  jumped[NLEV];              /* the code of this level was left */

#define ABANDONED(w) ((w) >= L + 1)
/* taking over an abandoned guard is an exchange (slow path): a handler that came since the load may have
 * taken it over, counted it and freed it */
#ifdef TAKE_STORE
#define XCHG(r) guard[r] = L + 1
#else
#define XCHG(r) save = guard[r]; guard[r] = L + 1
#endif

/* One emit at level L.  A signal may come between any two statements. */
inline emit(L) {
	atomic { nid++; id = nid; started++; state[L] = 1 };
	if
	:: slot == 0 ->                                         /* claim */
#ifdef CLAIM_OPEN
	   nclaims++;
	   slot = nclaims
#else
	   if
	   :: claiming == 0 ->
	      claiming = 1;
	      if :: slot == 0 -> nclaims++; slot = nclaims      /* look again: a handler may have */
	         :: else fi;
	      claiming = 0
	   :: else                                              /* interrupted a claim */
	   fi
#endif
	:: else
	fi;
	r = NORING;
#ifdef POS_EARLY
	pos = commit[0];
#endif
	if
	:: slot == 0 -> atomic { lost_noring++; state[L] = 3 }
	:: else ->
	   /* the guard: a load, then a store; a handler that comes between them leaves it as it was */
#if defined(NO_GUARD)
	   r = 0;
#elif defined(ONE_WORD)
	   save = guard[0];                                     /* frame, + 8: on the signal ring */
	   if :: ABANDONED(save % 8) -> lost_aborted++; save = 0; emitted[0] = commit[0]; emitted[1] = commit[1]
	      :: else fi;
	   if
	   :: save == 0 -> atomic { guard[0] = L + 1; r = 0; state[L] = 2 }
	   :: save != 0 && save < 8 -> atomic { guard[0] = 8 + L + 1; r = 1; state[L] = 2 }
	   :: else
	   fi;
#else
	   save = guard[0];
#ifdef RECOUNT_FIRST
	   if
	   :: save != 0 && ABANDONED(save) -> pos = commit[0]; emitted[0] = pos; guard[0] = 0; save = 0
	   :: else
	   fi;
#endif
	   if
	   :: save == 0 -> atomic { guard[0] = L + 1; r = 0; state[L] = 2 }
	   :: ABANDONED(save) -> atomic { XCHG(0); r = 0; state[L] = 2 }
	   :: else ->
	      save = guard[1];
	      if
	      :: save == 0 -> atomic { guard[1] = L + 1; r = 1; state[L] = 2 }
	      :: ABANDONED(save) -> atomic { XCHG(1); r = 1; state[L] = 2 }
	      :: else
	      fi
	   fi;
	   if
	   :: r != NORING && save != 0 ->                       /* left by siglongjmp: now it is ours */
	      lost_aborted++;                                   /* atomic add */
#ifndef NO_RECOUNT
	      emitted[r] = commit[r]                            /* from the records below commit */
#endif
	   :: else
	   fi;
#endif
	   if
	   :: r == NORING ->
#ifdef NESTED_RMW
	      pos = lost_nested;
	      lost_nested = pos + 1
#else
	      atomic { lost_nested++; state[L] = 3 }            /* atomic add */
#endif
	   :: else ->
#ifdef POS_EARLY
	      if :: r == 1 -> pos = commit[1] :: else fi;
#else
	      pos = commit[r];
#endif
	      if :: r == 0 -> ring0[pos] = id :: else -> ring1[pos] = id fi;     /* words */
	      emitted[r] = emitted[r] + 1;                      /* only the guard's owner writes it */
	      atomic { commit[r] = pos + 1; state[L] = 3 };     /* store_release(commit) */
#ifdef ONE_WORD
	      guard[0] = save
#else
	      guard[r] = 0
#endif
	   fi
	fi;
	atomic {                                                /* the emit returns */
	   if
	   :: r == 0 -> assert(pos < commit[0] && ring0[pos] == id)
	   :: r == 1 -> assert(pos < commit[1] && ring1[pos] == id)
	   :: else
	   fi;
	   state[L] = 0; id = 0; pos = 0; r = 0; save = 0
	}
}

/* a signal: the next level runs until it is done or interrupted itself */
proctype kernel() {
end:	do
	:: atomic { level < NLEV - 1 && nsig < NSIG -> nsig++; level++ }
	od
}

inline siglongjmp_to(target) {                          /* from level me */
	i = target;
	do
	:: i < me ->
	   jumped[i] = 1;
	   if
	   :: state[i] == 1 -> started--                /* had not begun */
	   :: state[i] == 2 -> g_left++; gone++
	   :: state[i] == 3 -> g_left++
	   :: else
	   fi;
	   state[i] = 0;
	   i++
	:: else -> break
	od;
	i = 0;
	level = target
}

/* the processes are numbered so that _pid - 1 is the level */
proctype handler(byte me) provided (level == _pid - 1) {
	byte id, pos, r, save, i;
end_again: {
end:	   do
	   :: level == me ->
	      emit(me);
	      if
	      :: level = me - 1                         /* return */
#ifdef JUMP
	      :: atomic { slot != 0 && claiming == 0 -> siglongjmp_to(0) }
	      :: atomic { slot != 0 && claiming == 0 && me > 1 -> siglongjmp_to(me - 1) }
#endif
	      fi
	   od
	} unless { atomic { jumped[me] -> jumped[me] = 0; id = 0; pos = 0; r = 0; save = 0 } };
	goto end_again
}

proctype main() provided (level == 0) {
	byte id, pos, r, save, n, i, j;
again:	{
	   do
	   :: n < NMAIN -> n++; emit(0)
	   :: else -> break
	   od
	} unless { atomic { jumped[0] -> jumped[0] = 0; id = 0; pos = 0; r = 0; save = 0; goto again } };
	atomic {                                        /* no more signals: count everything */
	   nsig = NSIG;
	   assert(nclaims <= 1);
	   if :: guard[0] == 0 -> assert(emitted[0] == commit[0]) :: else fi;
	   if :: guard[1] == 0 -> assert(emitted[1] == commit[1]) :: else fi;
	   assert(commit[0] + commit[1] + lost_nested + lost_noring + gone == started);
#ifndef ONE_WORD
	   assert(lost_aborted <= g_left);
#endif
	   i = 0;                                       /* each id at most once */
	   do
	   :: i < MAXE ->
	      j = 0;
	      do
	      :: j < MAXE ->
	         assert(i == j || i >= commit[0] || j >= commit[0] || ring0[i] != ring0[j]);
	         assert(i == j || i >= commit[1] || j >= commit[1] || ring1[i] != ring1[j]);
	         assert(i >= commit[0] || j >= commit[1] || ring0[i] != ring1[j]);
	         j++
	      :: else -> break
	      od;
	      i++
	   :: else -> break
	   od
	}
}

init { atomic { run main(); run handler(1); run handler(2); run handler(3); run kernel() } }
