/* discard.pml - the ring in discard mode: one producer that loads `tail`, one drainer that may die and
 *               be replaced between any two of its steps, SIGKILL of the producer at any store.
 *
 * WHAT IS MODELLED   as in ring.pml (segments with a two-word header, records of one or two words, pads,
 *   `commit` as the write position, two categories), but enter_segment is
 *       if (S + SEG - load_acquire(tail) > SIZE) { lost.discarded[cat]++; return; }
 *   and there is no horizon.  A record word carries the number of the attempt, so what is decoded says
 *   which attempts were stored.
 *
 * HOW WEAK MEMORY IS MODELLED   the producer's stores land in any order but for: one location in order, a
 *   store-release after all earlier stores.  There is no release fence in this mode.  load_acquire(tail)
 *   is one atomic step of the producer and later stores are issued after it.  The drainer's loads are
 *   single steps; its store_release(tail) comes after them (mutant TAIL_EARLY: before).
 *   What the producer does between two loads of tail touches only its own buffer, so it is one step.
 *   A kill is a cut of the store sequence at any store k that is not before one that has landed; all cuts
 *   are tried each time the log or the sequence has grown.
 *
 * WHAT IS ASSERTED
 *   every word that is read below commit is the word written at that position; nothing in the ring is
 *   ever lost: header totals = decoded, exactly, per category; log + ring of a dead producer hold every
 *   attempt that returned and was not counted in discarded[], once; attempts = stored + discarded per
 *   category at the end; a ring without its log, read from tail, parses.
 *
 * LEFT OUT  ticks, signals, slots, waking: see the other models.
 *
 * MUTANTS
 *   COMMIT_RELAXED, COMMIT_FIRST, LOAD_HOISTED  as in ring.pml
 *   TAIL_EARLY   tail stored before the words are copied (also what a relaxed store of tail allows)
 *   NO_CHECK     the segment is entered whatever tail says
 *   CHECK_SHORT  S - tail > SIZE instead of S + SEG - tail > SIZE
 *   NO_DEDUP     a new drainer starts at tail, not at max(tail, last pos_end in the log)
 *   NOLOG_LOW    a recoverer without the log starts at commit - SIZE, rounded up to a segment,
 *                rather than at tail: a header may be half overwritten
 *   NO_COUNT     a discarded attempt counts in emitted[] too
 */
#ifndef NEV
#define NEV     7               /* attempts */
#endif
#ifndef NSEG
#define NSEG    2
#endif
#ifndef ROUNDS
#define ROUNDS  2
#endif
#ifndef LENS
#define LENS    546
#endif

#define HDR     2
#define SEG     (HDR + 2)
#define SIZE    (NSEG * SEG)
#define MAXPOS  (SEG * NEV + SEG)
#define LEN(a)  (1 + ((LENS >> (a)) & 1))
#define CAT(a)  ((a) & 1)

#define PAD     0
#define REC(a)  ((a) + 1)
#define PAY(a)  (128 + (a))
#define SH0(segno, e0)  ((segno) * 16 + (e0))
#define BAD     255

/* shared memory: the words, commit; tail is stored by the drainer only */
#define CM      SIZE
byte shm[SIZE + 1];
byte tail;

/* the producer's stores, oldest first; those that have landed at the front are shifted out, so the
 * buffer holds only what is pending (and younger ones that landed before them) */
#define MAXQ    (6 * NEV)
#define RLX     0
#define REL     1
byte q_loc[MAXQ], q_val[MAXQ];
bit  q_rel[MAXQ], q_on[MAXQ];
byte nq;

/* ghosts */
byte g_word[MAXPOS];            /* the word written at each position (truth; fixed once written) */
byte g_n;                       /* events stored so far */
byte g_att[NEV];                /* which attempt was the n-th stored event */
byte g_end[NEV];                /* position after it */
byte discarded[2];              /* lost.discarded[], the producer's own cells */

byte log_got[2], log_end;       /* the log */
byte rounds;

inline store(loc, val, order) {
	q_loc[nq] = loc; q_val[nq] = val; q_rel[nq] = order; q_on[nq] = 1; nq++
}
inline word(p, val) { store((p) % SIZE, val, RLX); g_word[p] = val }

/* ---- what a recoverer finds if the producer is killed at any store from here -------------------- */

hidden byte m[SIZE + 1];
hidden byte k, top, c_, p_, w_, n_, i_, lo_, got[2];

inline recover(use_log) {
	c_ = m[CM];
	n_ = 0;
	do :: n_ < g_n && g_end[n_] <= c_ -> n_++ :: else -> break od;  /* events below commit: truth */
	if
	:: use_log ->
	   /* all that returned (their stores are all issued) is below commit, at most one in flight */
	   assert(k < nq || n_ == g_n);
	   got[0] = log_got[0]; got[1] = log_got[1];
	   lo_ = log_end                                        /* max(commit - SIZE, log) */
	:: else ->
#ifdef NOLOG_LOW
	   if :: c_ > SIZE -> lo_ = (c_ - SIZE + SEG - 1) / SEG * SEG :: else -> lo_ = 0 fi;
#else
	   lo_ = tail;
#endif
	   got[0] = 0; got[1] = 0; i_ = 0;                      /* decoded by earlier chunks */
	   do :: i_ < n_ && g_end[i_] <= lo_ -> got[CAT(g_att[i_])]++; i_++ :: else -> break od
	fi;
	assert(c_ <= lo_ + SIZE);
	p_ = lo_;
	do
	:: p_ < c_ && p_ % SEG == 0 ->
	   assert(m[p_ % SIZE] == SH0(p_ / SEG, got[0]));       /* the segment before was whole */
	   assert(m[(p_ + 1) % SIZE] == got[1]);
	   p_ = p_ + HDR
	:: p_ < c_ && p_ % SEG != 0 ->
	   w_ = m[p_ % SIZE];
	   if
	   :: w_ == PAD -> p_ = (p_ / SEG + 1) * SEG
	   :: else ->
	      i_ = got[0] + got[1];
	      assert(i_ < n_ && w_ == REC(g_att[i_]));          /* each once, none invented */
	      i_ = g_att[i_];
	      assert(LEN(i_) == 1 || m[(p_ + 1) % SIZE] == PAY(i_));
	      got[CAT(i_)]++;
	      p_ = p_ + LEN(i_)
	   fi
	:: else -> break
	od;
	assert(p_ == c_ && got[0] + got[1] == n_)               /* none missing */
}

inline killed_anywhere() {
#ifndef LIVE_ONLY
	for (i_ : 0 .. SIZE) { m[i_] = shm[i_] }
	top = 0; k = 0;
	do :: k < nq -> if :: !q_on[k] -> top = k + 1 :: else fi; k++ :: else -> break od;
	k = 0;
	do
	:: k <= nq ->
	   if :: k >= top -> recover(0); recover(1) :: else fi;
	   if :: k < nq && q_on[k] -> m[q_loc[k]] = q_val[k] :: else fi;
	   k++
	:: else -> break
	od;
#endif
	k = 0
}

/* ---- producer -------------------------------------------------------------------------------- */

active proctype producer() {
	byte att, pos, S, t;
	byte em[2];
	do
	:: att < NEV ->
	   atomic {
	      if
	      :: pos % SEG == 0 || pos % SEG + LEN(att) > SEG ->        /* does not fit: enter_segment */
	         S = ((pos + SEG - 1) / SEG) * SEG;
	         t = tail;                                              /* load_acquire(tail) */
	         if
#if defined(NO_CHECK)
	         :: false ->
#elif defined(CHECK_SHORT)
	         :: S > t + SIZE ->
#else
	         :: S + SEG > t + SIZE ->
#endif
	            discarded[CAT(att)]++;                              /* lost.discarded[cat]++; return */
#ifdef NO_COUNT
	            em[CAT(att)]++;
#endif
	            goto returned
	         :: else ->
	            if :: pos != S -> word(pos, PAD) :: else fi;
	            word(S, SH0(S / SEG, em[0]));                       /* c) */
	            word(S + 1, em[1]);                                 /* c) */
	            store(CM, S + HDR, REL);                            /* d) */
	            pos = S + HDR
	         fi
	      :: else
	      fi;
#ifdef COMMIT_FIRST
	      store(CM, pos + LEN(att), REL);
#endif
	      word(pos, REC(att));                                      /* words, relaxed */
	      if :: LEN(att) == 2 -> word(pos + 1, PAY(att)) :: else fi;
	      em[CAT(att)]++;
#if defined(COMMIT_RELAXED)
	      store(CM, pos + LEN(att), RLX);
#elif !defined(COMMIT_FIRST)
	      store(CM, pos + LEN(att), REL);                           /* store_release(commit) */
#endif
	      pos = pos + LEN(att);
	      g_att[g_n] = att; g_end[g_n] = pos; g_n++;
returned:     att++;
	      /* run on to the next load of tail: it is the only step that anybody can see */
	      d_step {
	         S = 0; t = 0;
	         killed_anywhere()
	      }
	   }
	:: else -> break
	od;
	assert(em[0] + discarded[0] == (NEV + 1) / 2 && em[1] + discarded[1] == NEV / 2)
}

/* ---- the memory system ----------------------------------------------------------------------- */

active proctype memory() {
	byte i, j;
	bit ok;
	do
	:: atomic {
		nq > 0 && rounds < ROUNDS ->
		i = 0;                                  /* one store ... */
		do
		:: i < nq ->
		   ok = q_on[i];                        /* ... that nothing earlier holds back */
		   j = 0;
		   do
		   :: j < i && ok ->
		      if :: q_on[j] && (q_rel[i] || q_loc[j] == q_loc[i]) -> ok = 0 :: else fi;
		      j++
		   :: else -> break
		   od;
		   if :: ok -> break :: true -> i++ fi
		:: else -> ok = 0; break
		od;
		if
		:: ok ->
		   shm[q_loc[i]] = q_val[i];
		   q_on[i] = 0;
		   do
		   :: nq > 0 && !q_on[0] ->
		      for (j : 1 .. nq - 1) {
			q_loc[j - 1] = q_loc[j]; q_val[j - 1] = q_val[j];
			q_rel[j - 1] = q_rel[j]; q_on[j - 1] = q_on[j]
		      }
		      nq--;
		      q_loc[nq] = 0; q_val[nq] = 0; q_rel[nq] = 0; q_on[nq] = 0
		   :: else -> break
		   od
		:: else
		fi;
		i = 0; j = 0; ok = 0
	   }
	od
}

/* ---- drainer --------------------------------------------------------------------------------- */

#define WORD(p) buf[(p) % SIZE]

active proctype drainer() {
	byte buf[SIZE];
	byte c, lo, p, n, w;
	do
	:: rounds < ROUNDS ->
#ifdef LOAD_HOISTED
	   p = 0;
	   do :: p < SIZE -> buf[p] = shm[p]; p++ :: else -> break od;
	   skip;
#endif
	   d_step {
	      c = shm[CM];                              /* load_acquire(commit) */
	      lo = tail;                                /* its own variable: only drainers store it */
#ifndef NO_DEDUP
	      if :: log_end > lo -> lo = log_end :: else fi;    /* after the death of another drainer */
#endif
	      assert(c >= lo && c - lo <= SIZE);
	      p = lo
	   }
#ifdef TAIL_EARLY
	   tail = c;
#endif
#ifndef LOAD_HOISTED
	   do                                           /* copy [lo, c), relaxed */
	   :: p < c -> WORD(p) = (shm[p % SIZE] == g_word[p] -> g_word[p] : BAD); p++
	   :: else -> break
	   od;
#endif
	   skip;
	   d_step {
	      p = lo;
	      do
	      :: p < c && p % SEG == 0 ->
	         assert(WORD(p) == SH0(p / SEG, log_got[0]) && WORD(p + 1) == log_got[1]);
	         p = p + HDR
	      :: p < c && p % SEG != 0 ->
	         w = WORD(p);
	         if
	         :: w == PAD -> p = (p / SEG + 1) * SEG
	         :: else ->
	            n = log_got[0] + log_got[1];
	            assert(n < g_n && w == REC(g_att[n]));
	            n = g_att[n];
	            assert(LEN(n) == 1 || WORD(p + 1) == PAY(n));
	            log_got[CAT(n)]++;
	            p = p + LEN(n)
	         fi
	      :: else -> break
	      od;
	      assert(p == c);
	      log_end = c;                              /* the chunk is in the log */
	      killed_anywhere();
	      for (p : 0 .. SIZE - 1) { buf[p] = 0 };
	      lo = 0; n = 0; w = 0; p = 0
	   };
	   if
	   :: tail = c                                  /* store_release(tail, c) */
	   :: skip                                      /* died before it; the next one comes */
	   fi;
	   c = 0;
	   rounds++
	:: else -> break
	od
}
