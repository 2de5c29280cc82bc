cp "$FIXTURES"/many.vtrace "$FIXTURES"/v1/overwritten.vtrace "$FIXTURES"/bad/section-bytes.vtrace \
	"$FIXTURES"/bad/text.vtrace .
valktrace verify many.vtrace overwritten.vtrace section-bytes.vtrace text.vtrace
