/* lifecycle.pml - the life of one slot: claim, emit, thread exit, drain, release, reuse; drainers that
 *                 die anywhere; threads that die without their destructor; SIGKILL of the process.
 *
 * WHAT IS MODELLED
 *   One slot, so that every claim is a reuse.  NTHR threads; the first makes two emits, the second one;
 *   after each emit a thread may run its key destructor (a later emit claims again) or die without one.
 *   (A handler that emits inside the destructor matters only where it meets a slot already given up:
 *   mutant CLOSE_FIRST.)  Drainers take turns under the lock; MAXD times one dies between any two of its
 *   steps (the kernel frees the lock) and the next goes on from the slot and the log alone, so one process
 *   that forgets everything when it dies stands for all of them (NO_LOCK runs two at once).
 *   The process may be killed at any step; then a drainer plays the recoverer.
 *   The ring is only a sequence of words that never wraps (wrapping: ring.pml, discard.pml); positions
 *   go on from owner to owner.
 *
 *   generation   even = free, odd = owned; claim = CAS even -> odd
 *   closing      holds the generation that is closing (not a flag: a flag outlives its owner)
 *   tid          0 = not published yet: stored by the owner after its bases, zeroed by the drainer
 *                before the slot is free (so a stale tid never names the wrong owner)
 *   cell, base   one counter cell, never reset, and the base the owner stores when it claims
 *
 * HOW WEAK MEMORY IS MODELLED
 *   Each thread has a buffer of pending stores that land in any order, except: one location in order, a
 *   store-release after all earlier ones.  The CAS is acquire and acts on memory at once; the thread's
 *   earlier stores may still be pending.  A thread's death is visible when all it stored has landed.
 *   The drainer's stores are single steps in order: they are few and the last is the release of the
 *   generation (mutant GEN_FIRST reorders them).
 *
 * WHAT IS ASSERTED
 *   only the owner writes to a slot; a drained word belongs to the generation it is logged under, each
 *   once, in order; when a slot is freed, everything its owner emitted is in the log and the owner's
 *   counter is exact; a live sample of the counter never exceeds what this owner has counted; a dead
 *   owner's slot is free again after one undisturbed pass (no leak).
 *
 * LEFT OUT  lost.noring (an emit without a slot is one atomic add elsewhere); partial emits (ring.pml).
 *
 * MUTANTS
 *   CLOSING_RELAXED  closing stored relaxed          COMMIT_EARLY   commit loaded before closing is judged
 *   FREE_FIRST       slot freed before the chunk is written
 *   GEN_FIRST        generation even before tid is zeroed
 *   NO_DEDUP         the next drainer starts at tail, not at max(tail, last pos_end in the log)
 *   NO_LOCK          drainers do not exclude each other
 *   TID_STALE        the drainer leaves tid as it is  CLOSING_FLAG   closing is a flag the claimer clears
 *   BASE_LATE        base stored after tid            NO_MARK        a dead owner is not marked closing
 *   FLAG_TID         closing is a flag the claimer clears, and a slot without a tid is not looked at: a
 *                    drainer that dies between tid = 0 and the even generation leaks the slot
 *   CLOSE_FIRST      closing stored before the thread's own slot pointer is cleared
 */
#ifndef NTHR
#define NTHR    2
#endif
#ifndef MAXD
#define MAXD    1               /* deaths of drainers */
#endif
#define EMITS(t) ((t) == 1 -> 2 : 1)    /* emits of thread t */
#define MAXW    6               /* words: no more than the emits there can be (checked) */
#define MAXG    10              /* generations */
#define WORDOF(g)       (g)     /* a word carries the generation its producer believes it owns */

/* the slot */
#define GEN     0
#define CLOSING 1
#define TID     2
#define BASE    3
#define CELL    4
#define COMMIT  5
#define DATA    6
byte s[DATA + MAXW];
byte tail;

/* pending stores of each thread */
#define MAXQ    10
typedef buf { byte loc[MAXQ]; byte val[MAXQ]; bit rel[MAXQ]; byte n };
buf q[NTHR + 1];

/* threads: me = 1 .. NTHR, which is also the tid */
bit  over[NTHR + 1];            /* the thread is dead */
bit  killed;                    /* the process is */
#define DEAD(t) (over[t] && q[t].n == 0)
byte nover;
#define ALLDEAD (nover == NTHR)
#define ALLLANDED (q[1].n + q[NTHR].n == 0)

/* the log */
byte log_end;
byte log_n[MAXG];               /* words of generation g in the log */

/* ghosts */
byte g_owner[MAXG];             /* the thread that owns generation g */
byte g_emits[MAXG];             /* emits whose commit was issued */
byte g_count[MAXG];             /* increments of the cell issued */
byte g_base[MAXG];

byte lock, deaths;

#define RLX 0
#define REL 1
inline store(l, v, r) {
	q[me].loc[q[me].n] = l; q[me].val[q[me].n] = v; q[me].rel[q[me].n] = r; q[me].n++
}

/* ---- thread ---------------------------------------------------------------------------------- */

inline claim() {
	atomic {                                        /* CAS free -> owned, acquire */
	   if
	   :: s[GEN] % 2 == 0 ->
	      s[GEN] = s[GEN] + 1;
	      mine = s[GEN]; g_owner[mine] = me;
	      pos = s[COMMIT]; cell = s[CELL]; g_base[mine] = cell
	   :: else -> mine = 0                          /* no slot: lost.noring */
	   fi
	};
	if
	:: mine != 0 ->
#if defined(CLOSING_FLAG) || defined(FLAG_TID)
	   d_step { store(CLOSING, 0, RLX) };
#endif
#ifdef BASE_LATE
	   d_step { store(TID, me, REL); store(BASE, cell, RLX) };
#else
	   d_step { store(BASE, cell, RLX);             /* base of each counter cell */
	            store(TID, me, REL) };              /* publish */
#endif
	   slot = mine
	:: else
	fi
}

inline emit() {
	if
	:: slot == 0 -> claim()
	:: else
	fi;
	if
	:: slot != 0 ->
	   d_step {
	      assert(s[GEN] == slot);                   /* nobody else's, not freed */
	      assert(pos < MAXW);
	      cell++; g_count[slot]++;
	      store(CELL, cell, RLX);                   /* counters */
	      store(DATA + pos, WORDOF(slot), RLX);     /* words */
	      pos++; g_emits[slot]++;
	      store(COMMIT, pos, REL)                   /* store_release(commit) */
	   }
	:: else                                         /* lost.noring++ (an atomic add elsewhere) */
	fi
}

#if defined(CLOSING_FLAG) || defined(FLAG_TID)
#define CLOSEMARK 1
#else
#define CLOSEMARK mine
#endif
#ifdef CLOSING_RELAXED
#define CLOSEORDER RLX
#else
#define CLOSEORDER REL
#endif

proctype thread(byte me) {
	byte n, pos, cell;
	byte slot;                                      /* thread-local: the slot (its generation) or 0 */
	byte mine;
	{
	   do
	   :: n < EMITS(me) ->
	      emit();
	      n++;
	      if
	      :: skip
	      :: slot != 0 ->                           /* the key destructor */
	         mine = slot;
#ifdef CLOSE_FIRST
	         d_step { store(CLOSING, CLOSEMARK, CLOSEORDER) };
	         if :: skip :: n < EMITS(me) -> emit(); n++ fi;     /* a signal handler emits here */
	         slot = 0
#else
	         slot = 0;
	         /* a handler that emits here claims anew (with one slot: noring); it is the loop above */
	         d_step { store(CLOSING, CLOSEMARK, CLOSEORDER) };
	         mine = 0
#endif
	      :: break                                  /* death without a destructor */
	      fi
	   :: else -> break
	   od
	} unless { killed };
	skip;
	d_step { n = 0; pos = 0; cell = 0; slot = 0; mine = 0; over[me] = 1; nover++ }
}

/* SIGKILL of the whole process, or not */
proctype killer() {
	if :: killed = 1 :: ALLDEAD fi
}

/* ---- memory ---------------------------------------------------------------------------------- */

proctype memory() {
	byte t, i, j;
	bit ok;
end:	do
	:: atomic {
		q[1].n + q[NTHR].n > 0 ->
		if :: q[1].n > 0 -> t = 1 :: q[NTHR].n > 0 -> t = NTHR fi;
		i = 0;                                  /* one store ... */
		do
		:: i < q[t].n ->
		   ok = 1; j = 0;                       /* ... that nothing earlier holds back */
		   do
		   :: j < i && ok ->
		      if :: q[t].rel[i] || q[t].loc[j] == q[t].loc[i] -> ok = 0 :: else fi;
		      j++
		   :: else -> break
		   od;
		   if :: ok -> break :: true -> i++ fi
		:: else -> ok = 0; break
		od;
		if
		:: ok ->
		   s[q[t].loc[i]] = q[t].val[i];
		   do
		   :: i + 1 < q[t].n ->
		      q[t].loc[i] = q[t].loc[i + 1]; q[t].val[i] = q[t].val[i + 1];
		      q[t].rel[i] = q[t].rel[i + 1]; i++
		   :: else -> break
		   od;
		   q[t].loc[i] = 0; q[t].val[i] = 0; q[t].rel[i] = 0; q[t].n--
		:: else
		fi;
		t = 0; i = 0; j = 0; ok = 0
	   }
	od
}

/* ---- drainer --------------------------------------------------------------------------------- */

/* a drainer dies here, or not: the kernel frees its lock, what it knew is gone, another one begins */
#define MAYDIE  if :: true :: deaths < MAXD -> deaths++; goto died fi

inline write_chunk() {                                  /* one append; it is whole or it is not there */
	d_step {
	   lo = tail;
#ifndef NO_DEDUP
	   if :: log_end > lo -> lo = log_end :: else fi;       /* what a dead drainer had written */
#endif
	   do
	   :: lo < c ->
	      assert(s[DATA + lo] == WORDOF(g));                /* of this owner, and landed */
	      log_n[g]++;
	      assert(log_n[g] <= g_emits[g]);                   /* none twice */
	      lo++
	   :: else -> break
	   od;
	   if :: c > log_end -> log_end = c :: else fi;
	   lo = 0
	}
}

inline free_slot() {
#if defined(TID_STALE)
	skip;
#elif !defined(GEN_FIRST)
	atomic { s[TID] = 0; MAYDIE };
#endif
	atomic {
	   if
	   :: s[GEN] == g ->
#ifndef FREE_FIRST
	      assert(log_n[g] == g_emits[g]);                   /* all it emitted is in the log */
#endif
	      s[GEN] = g + 1                                    /* store_release(generation, even) */
	   :: else
	   fi;
	   MAYDIE
	};
#ifdef GEN_FIRST
	atomic { s[TID] = 0; MAYDIE };
#endif
}

proctype drainer(byte who) {
	byte g, t, c, lo, owner;
	bit closing;
again:	do
	:: atomic {
	      ALLLANDED && ALLDEAD && s[GEN] % 2 == 0 -> break  /* the end of the world */
	   }
	:: atomic {
	      s[GEN] % 2 == 1 &&
#ifdef NO_LOCK
	      lock != who ->
#else
	      lock == 0 ->
#endif
	      lock = who;                                       /* OFD lock */
	      /* for the leak check: the owner is dead, and was not killed while it claimed */
	      owner = g_owner[s[GEN]];
#ifdef NO_LOCK
	      owner = 0;                                        /* (and nobody else is about) */
#else
	      if :: !(DEAD(owner) && (ALLDEAD || !killed)) -> owner = 0 :: else fi;
#endif
	      g = s[GEN];                                       /* load_acquire(generation): odd */
#ifdef COMMIT_EARLY
	      c = s[COMMIT]
	   };
	   atomic {
#endif
#if defined(CLOSING_FLAG) || defined(FLAG_TID)
	      closing = (s[CLOSING] == 1)
#else
	      closing = (s[CLOSING] == g)                       /* load_acquire(closing) */
#endif
#ifdef FLAG_TID
	      ;
	      if :: s[TID] == 0 -> closing = 0 :: else fi
#endif
	   };
	   atomic {
	      t = s[TID];                                       /* load_acquire(tid) */
	      if
	      :: !closing && t != 0 && DEAD(t) ->               /* destructor never ran: */
#ifndef NO_MARK
	         s[CLOSING] = g;                                /* mark it, as the destructor would */
	         MAYDIE;
#endif
	         closing = 1
	      :: !closing && t == 0 && killed && ALLDEAD && ALLLANDED ->
	         closing = 1                                    /* recoverer: the process is dead */
	      :: else
	      fi
	   };
#ifdef FREE_FIRST
	   c = s[COMMIT];
	   if :: closing -> free_slot() :: else fi;
#endif
	   atomic {
#if !defined(COMMIT_EARLY) && !defined(FREE_FIRST)
	      c = s[COMMIT];                                    /* load_acquire(commit), after the verdict */
#endif
	      write_chunk();
	      MAYDIE
	   };
	   atomic {
	      tail = c;                                         /* store_release(tail) */
	      c = 0;
	      MAYDIE
	   };
	   atomic {
	      if
	      :: t != 0 ->                                      /* counters: base is published with tid */
	         assert(s[CELL] - s[BASE] <= g_count[g]);
	         assert(!closing || s[CELL] - s[BASE] == g_count[g])
	      :: else
	      fi;
	      t = 0
	   };
#ifndef FREE_FIRST
	   if :: closing -> free_slot() :: else fi;
#endif
	   atomic {
	      assert(owner == 0 || s[GEN] != g);                /* a dead owner's slot is free now */
	      if :: lock == who -> lock = 0 :: else fi;
	      g = 0; closing = 0; owner = 0
	   }
	od;
	goto gone;
died:	atomic {
	   if :: lock == who -> lock = 0 :: else fi;            /* the kernel does */
	   g = 0; t = 0; c = 0; closing = 0; owner = 0; lo = 0;
	   goto again
	};
gone:	skip
}

init {
	byte i;
	atomic {
		for (i : 1 .. NTHR) { run thread(i) };
		run killer();
		run memory();
		run drainer(1);
#ifdef NO_LOCK
		run drainer(2);
#endif
		i = 0
	}
	/* the end: every thread is dead and every slot was drained */
	ALLDEAD && lock == 0 && ALLLANDED && s[GEN] % 2 == 0;
	d_step {
		i = 1;
		do
		:: i < MAXG -> assert(log_n[i] == g_emits[i]); i++
		:: else -> break
		od;
		i = 0
	}
}
