# Orrery. `make help` lists what you can do here.

B        ?= build
CC       ?= cc
OPT      ?= -O2 -g
PKGS     := jansson libarchive libcurl libpq libssl libcrypto libwebsockets libseccomp libzstd

WARN     := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wundef -Wvla \
            -Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference -Wdouble-promotion \
            -Wcast-qual -Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
            -Werror=int-conversion -Werror=return-type $(WERROR)
HARDEN   := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
            -fcf-protection -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

CPPFLAGS += -D_GNU_SOURCE -Iserver -Idevice-sim -Itests -I$(B)/gen \
            $(subst -I,-isystem ,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
CFLAGS   += -std=gnu17 $(OPT) $(WARN) $(HARDEN) -MMD -MP -pthread
LDFLAGS  += $(LDHARDEN) -pthread
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcivetweb -lev -lm

# ---------------------------------------------------------------- sources

SRC      := $(wildcard server/*/*.c)
SIM      := $(wildcard device-sim/sdk/*.c)
AGENT    := $(wildcard device-sim/agent/*.c)
FLEETSRC := $(wildcard device-sim/fleet/*.c)
SQL      := $(wildcard server/*/*.sql)
MIGRATE  := $(sort $(wildcard db/migrations/*.sql))
GEN      := $(foreach s,$(SQL),$(B)/gen/$(notdir $(s:.sql=_sql.h))) $(B)/gen/queries_gen.h \
            $(B)/gen/migrations_gen.h $(B)/gen/openapi_gen.h
LIB      := $(B)/liborrery.a
SIMLIB   := $(B)/libdevice.a
SIMPARTS := $(B)/libsim.a
TESTLIB  := $(B)/libtest.a
BIN      := $(B)/orreryd $(B)/orrery-device $(B)/orrery-fleet
UNIT     := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
SERVER_T := $(patsubst %.c,$(B)/%,$(wildcard tests/server/*_test.c))
SUPPORT  := $(wildcard tests/support/*.c)
ALLC     := $(SRC) server/main.c $(SIM) $(AGENT) $(FLEETSRC) $(SUPPORT) $(wildcard tests/*/*_test.c tests/fuzz/*.c tests/bench/*.c)
ALLH     := $(wildcard server/*/*.h device-sim/*/*.h tests/*.h tests/*/*.h)

vpath %.sql $(sort $(dir $(SQL)))

all: $(BIN) ## build the programs

# ---------------------------------------------------------------- generated

$(B)/gen/%_sql.h: %.sql tools/sqlgen.awk
	@mkdir -p $(@D)
	awk -v FILE=$< -f tools/sqlgen.awk $< > $@

$(B)/gen/queries_gen.h: $(SQL) Makefile
	@mkdir -p $(@D)
	@{ echo '// Generated; do not edit.'; for s in $(sort $(notdir $(SQL:.sql=))); do echo "#include \"$${s}_sql.h\""; done; \
	   echo 'static const struct query *const all_queries[] = {'; \
	   awk '/^-- name:/ { printf "    &Q_%s,\n", toupper($$3) }' $(sort $(SQL)) /dev/null; echo '};'; } > $@

$(B)/gen/migrations_gen.h: $(MIGRATE) tools/migrations.awk
	@mkdir -p $(@D)
	awk -f tools/migrations.awk $(MIGRATE) > $@

$(B)/gen/openapi_gen.h: docs/api/openapi.yaml tools/yaml2json.awk tools/embed.awk
	@mkdir -p $(@D)
	awk -f tools/yaml2json.awk $< > $(B)/gen/openapi.json
	awk -v NAME=openapi_json -f tools/embed.awk $(B)/gen/openapi.json > $@

# ---------------------------------------------------------------- programs

$(B)/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(LIB): $(SRC:%.c=$(B)/%.o)
	@rm -f $@
	ar rcs $@ $^

$(SIMLIB): $(SIM:%.c=$(B)/%.o)
	@rm -f $@
	ar rcs $@ $^

$(TESTLIB): $(SUPPORT:%.c=$(B)/%.o)
	@rm -f $@
	ar rcs $@ $^

# Agent and fleet without their main, for the tests.
$(SIMPARTS): $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(AGENT) $(FLEETSRC)))
	@rm -f $@
	ar rcs $@ $^

$(B)/orreryd: $(B)/server/main.o $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/orrery-device: $(AGENT:%.c=$(B)/%.o) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/orrery-fleet: $(FLEETSRC:%.c=$(B)/%.o) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A test that defines store_run or clock_now_ms itself replaces that member of the archive; of
# tests/support, too, only what it uses is linked.
$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(TESTLIB) $(SIMPARTS) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB) $(LDLIBS) -lcmocka

$(B)/tests/server/%_test: $(B)/tests/server/%_test.o $(TESTLIB) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB) $(LDLIBS) -lcmocka

# ---------------------------------------------------------------- run, install

USER_DIRS := build web/node_modules web/dist tests/e2e/node_modules
AS_USER   := tools/as-user.sh $(USER_DIRS)
DIR       ?= var
PORT      ?= 8443
PREFIX    ?= /usr/local
FLEET     ?= 50

run: ## install what is missing, build, start everything, print the URL
	@tools/setup.sh run
	@$(AS_USER) $(DIR) -- $(MAKE) --no-print-directory -j2 all web
	@$(AS_USER) $(DIR) -- tools/run.sh $(DIR) $(PORT) $(FLEET)

web: web/dist/.built ## build the dashboard

web/dist/.built: $(shell find web/src web/public -type f 2>/dev/null) $(wildcard web/*.json web/*.mjs web/tools/*) \
                 docs/api/openapi.yaml
	@tools/npm.sh web
	@cd web && npm run --silent build
	@touch $@

install: all web ## copy programs, dashboard and unit file below DESTDIR/PREFIX
	@tools/install.sh "$(DESTDIR)" "$(PREFIX)"

# ---------------------------------------------------------------- tests

SAN      := -fno-omit-frame-pointer -fno-sanitize-recover=all
ASAN     := B=build/asan OPT='-O1 -g -fsanitize=address,undefined $(SAN)' HARDEN=-fPIE
TSAN     := B=build/tsan OPT='-O1 -g -fsanitize=thread $(SAN)' HARDEN=-fPIE
FUZZ     := B=build/fuzz CC=clang OPT='-O1 -g -fsanitize=fuzzer-no-link,address,undefined $(SAN)' \
            HARDEN=-fPIE LDHARDEN=-pie WARN=-w
# Tests with threads say so in a line of their own.
THREADED := $(shell grep -lx '// threaded' tests/unit/*_test.c tests/server/*_test.c 2>/dev/null)
FUZZERS  := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*_fuzz.c))
T        ?=

test: ## all tests against real parts; T=unit/device or T=server runs a part
	@tools/setup.sh test
	@$(AS_USER) -- tools/test.sh "$(T)"

tests: $(BIN) $(UNIT) $(SERVER_T)
threaded: $(BIN) $(patsubst %.c,$(B)/%,$(THREADED))
fuzzers: $(FUZZERS)
benches: $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*_bench.c))
asan-tests:
	@$(MAKE) --no-print-directory tests $(ASAN)
tsan-tests:
	@$(MAKE) --no-print-directory threaded $(TSAN)
fuzz-tests:
	@$(MAKE) --no-print-directory fuzzers $(FUZZ)

asan: ## the C tests under AddressSanitizer and UBSan
	@tools/setup.sh test
	@$(AS_USER) -- tools/test.sh asan

tsan: ## the threaded C tests under ThreadSanitizer
	@tools/setup.sh test
	@$(AS_USER) -- tools/test.sh tsan

SECONDS ?= 60
fuzz: ## run each fuzzer for SECONDS=60
	@tools/setup.sh test
	@$(AS_USER) tests/fuzz/corpus -- tools/fuzz.sh $(SECONDS)

bench: ## measure, each figure beside its limit; T=ingest runs an area
	@tools/setup.sh bench
	@$(AS_USER) -- tools/bench.sh "$(T)"

coverage: ## line coverage of the C tests in build/coverage/index.html
	@tools/setup.sh test
	@$(AS_USER) -- tools/coverage.sh

lint: ## style, analysers, banned words; changes nothing
	@tools/setup.sh lint
	@$(AS_USER) -- tools/lint.sh

$(B)/tests/bench/%_bench: $(B)/tests/bench/%_bench.o $(SUPPORT:%.c=$(B)/%.o) $(SIMPARTS) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB) $(LDLIBS) -lcmocka

$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(TESTLIB) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIB) $(LDLIBS) -lcmocka

# ---------------------------------------------------------------- the rest

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' Makefile

format: ## rewrite the C sources in house style
	clang-format -i $(wildcard $(ALLC)) $(ALLH)

clean: ## remove what was built
	rm -rf build web/dist/*

.PHONY: all run web install test tests threaded fuzzers benches asan-tests tsan-tests fuzz-tests asan tsan fuzz \
        bench coverage lint help format clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)
