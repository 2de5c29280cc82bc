cp "$FIXTURES/killed.vtrace" run.vtrace
valktrace decode -q --format chrome --since 590ms run.vtrace | sed '/"ph":"C"/{ /valk_gc_\(heap_used\|phase\|cycles\)/!d }'
