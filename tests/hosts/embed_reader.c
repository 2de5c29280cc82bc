/*
 * embed_reader.c - the smallest program that reads a log; C11 and C++11, built as embed.c is:
 * cc embed_reader.c $(pkg-config --cflags --libs valktrace-reader)
 *
 *   embed_reader LOG         prints category.name of each event
 */
#include <valktrace/reader.h>

int main(int argc, char **argv)
{
	struct vt_reader *reader;
	const struct vt_event *event;
	const char *const paths[] = { argv[1] };
	int err = vt_reader_open(&reader, paths, argc == 2, NULL);

	if (err < 0) {
		fprintf(stderr, "%s\n", vt_strerror(err));
		return 1;
	}
	while ((err = vt_reader_next(reader, &event)) > 0)
		if (!event->gap)
			printf("%s.%s\n", vt_event_category(event), event->desc->name);
	vt_reader_close(reader);
	return err < 0;
}
