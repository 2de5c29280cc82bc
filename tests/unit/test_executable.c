/* test_executable.c - what is said of executables: good ones, scripts, and files that lie about themselves. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/executable.h"

static char directory[] = "/tmp/valktrace-exe.XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	char command[64];
	snprintf(command, sizeof(command), "/bin/rm -rf %s", directory);
	return chdir("/") == 0 ? system(command) : -1;
}

static void put(const char *name, const void *bytes, size_t length)
{
	FILE *f = fopen(name, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, length, f), length);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, 0755), 0);
}

struct image {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	char linker[64];
};

/* A program for this machine as far as its headers go, with `linker` if not NULL. */
static struct image image_of(const char *linker)
{
	struct image i = {
		.e = { .e_type = ET_DYN, .e_phoff = offsetof(struct image, p), .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 2 },
		.p = { { .p_type = PT_PHDR }, { .p_type = PT_LOAD } },
	};

	memcpy(i.e.e_ident, ELFMAG, SELFMAG);
	i.e.e_ident[EI_CLASS] = ELFCLASS64;
	i.e.e_ident[EI_DATA] = ELFDATA2LSB;
#if defined(__x86_64__)
	i.e.e_machine = EM_X86_64;
#else
	i.e.e_machine = EM_AARCH64;
#endif
	if (linker) {
		i.p[1].p_type = PT_INTERP;
		i.p[1].p_offset = offsetof(struct image, linker);
		i.p[1].p_filesz = strlen(linker) + 1;
		memcpy(i.linker, linker, strlen(linker) + 1);
	}
	return i;
}

static enum vt_loads judged(const struct image *i)
{
	struct vt_executable x;
	put("prog", i, sizeof(*i));
	vt_executable_find(&x, "./prog");
	assert_string_equal(x.path, "./prog");
	assert_true(x.is_elf);
	return x.loads;
}

static void test_kinds(void **state)
{
	(void)state;
	struct image i = image_of("/lib64/ld-linux-x86-64.so.2");
	assert_int_equal(judged(&i), VT_LOADS_AGENT);
	i = image_of("/nix/store/abc-glibc/lib/ld-linux-x86-64.so.2");
	assert_int_equal(judged(&i), VT_LOADS_AGENT);
	i = image_of("/lib/ld-musl-x86_64.so.1");
	assert_int_equal(judged(&i), VT_LOADS_LIBC);
	i = image_of(NULL);
	assert_int_equal(judged(&i), VT_LOADS_STATIC);
	i.e.e_machine = EM_PPC64;
	assert_int_equal(judged(&i), VT_LOADS_MACHINE);
	i = image_of(NULL);
	i.e.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(judged(&i), VT_LOADS_MACHINE);
	i = image_of(NULL);
	i.e.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(judged(&i), VT_LOADS_CLASS);
#if defined(__x86_64__)
	i.e.e_machine = EM_386;
	assert_int_equal(judged(&i), VT_LOADS_CLASS);
#endif
}

static void test_lies(void **state)
{
	(void)state;
	struct image i = image_of("/lib64/ld-linux-x86-64.so.2");
	i.e.e_phoff = UINT64_MAX - 8;
	assert_int_equal(judged(&i), VT_LOADS_STATIC);
	i.e.e_phoff = (uint64_t)INT64_MAX;
	i.e.e_phnum = 65535;
	assert_int_equal(judged(&i), VT_LOADS_STATIC);
	i = image_of("/lib64/ld-linux-x86-64.so.2");
	i.e.e_phentsize = 1;
	assert_int_equal(judged(&i), VT_LOADS_STATIC);
	i = image_of("/lib64/ld-linux-x86-64.so.2");
	i.p[1].p_filesz = UINT64_MAX;
	assert_int_equal(judged(&i), VT_LOADS_STATIC);
	i = image_of("/lib64/ld-linux-x86-64.so.2");
	i.p[1].p_offset = UINT64_MAX - 1;
	assert_int_equal(judged(&i), VT_LOADS_STATIC);

	struct vt_executable x;
	i = image_of("/lib64/ld-linux-x86-64.so.2");
	for (size_t length = 0; length < sizeof(i); length++) {
		put("cut", &i, length);
		vt_executable_find(&x, "./cut");
		assert_true(x.loads <= VT_LOADS_LIBC);
	}
}

static void test_scripts(void **state)
{
	(void)state;
	struct vt_executable x;
	struct image i = image_of(NULL);

	put("static", &i, sizeof(i));
	put("script", "#! ./static -x\n", 15);
	vt_executable_find(&x, "./script");
	assert_int_equal(x.loads, VT_LOADS_STATIC);
	assert_string_equal(x.judged, "./static");
	assert_false(x.is_elf);
	assert_false(x.missing);
	put("gone", "#!/no/such\n", 11);
	vt_executable_find(&x, "./gone");
	assert_true(x.missing);
	assert_string_equal(x.judged, "/no/such");
	put("loop", "#!./loop\n", 9);
	vt_executable_find(&x, "./loop");
	assert_int_equal(x.loads, VT_LOADS_UNKNOWN);
	put("empty", "#!\n", 3);
	vt_executable_find(&x, "./empty");
	put("text", "echo hello\n", 11);
	vt_executable_find(&x, "./text");
	assert_int_equal(x.loads, VT_LOADS_AGENT);
	char line[1024];
	memset(line, 'a', sizeof(line));
	memcpy(line, "#!", 2);
	put("long", line, sizeof(line));
	vt_executable_find(&x, "./long");
	assert_true(x.missing);
}

static void test_path(void **state)
{
	(void)state;
	struct vt_executable x;
	struct image i = image_of(NULL);

	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(mkdir("b", 0755), 0);
	assert_int_equal(mkdir("a/tool", 0755), 0);     /* a directory is no program */
	put("b/tool", &i, sizeof(i));
	setenv("PATH", "a:/no/such/place:b", 1);
	vt_executable_find(&x, "tool");
	assert_string_equal(x.path, "b/tool");
	vt_executable_find(&x, "nosuch");
	assert_string_equal(x.path, "");
	vt_executable_find(&x, "");
	assert_string_equal(x.path, "");
	put("here", &i, sizeof(i));
	setenv("PATH", "a:", 1);
	vt_executable_find(&x, "here");
	assert_string_equal(x.path, "./here");
}

static void test_texts(void **state)
{
	(void)state;
	struct vt_executable x = { .judged = "/home/me/evil\x1b[31m name", .loads = VT_LOADS_STATIC };
	char text[128];

	for (unsigned l = VT_LOADS_AGENT; l <= VT_LOADS_LIBC; l++) {
		x.loads = (enum vt_loads)l;
		vt_executable_reason(&x, true, text, sizeof(text));
		for (const char *p = text; *p; p++)
			assert_true(*p >= ' ' && *p < 0x7f);
		assert_null(strstr(text, "/home"));
		assert_true(strlen(vt_executable_advice(&x, true)) <= 67);
	}
	vt_executable_name(&x, text, sizeof(text));
	assert_string_equal(text, "evil?[31m?name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
