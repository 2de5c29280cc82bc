/* codec.c - the table of codecs. */
#include "core/codec.h"

#include <string.h>

static const struct vt_codec *const vt_codecs[] = {
	&vt_codec_none,
	&vt_codec_lz4,
	&vt_codec_zstd,
};

#define CODECS (sizeof(vt_codecs) / sizeof(*vt_codecs))

const struct vt_codec *vt_codec_by_id(uint8_t id)
{
	for (size_t i = 0; i < CODECS; i++)
		if (vt_codecs[i]->id == id)
			return vt_codecs[i];
	return NULL;
}

const struct vt_codec *vt_codec_by_name(const char *name)
{
	for (size_t i = 0; i < CODECS; i++)
		if (strcmp(vt_codecs[i]->name, name) == 0)
			return vt_codecs[i];
	return NULL;
}
