# Orrery. `make help` lists what you can do here.

B        ?= build
CC       ?= cc
OPT      ?= -O2 -g
PKGS     := jansson libpq libssl libcrypto libwebsockets libseccomp

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
FLEET    := $(wildcard device-sim/fleet/*.c)
SQL      := $(wildcard server/*/*.sql)
MIGRATE  := $(sort $(wildcard db/migrations/*.sql))
GEN      := $(foreach s,$(SQL),$(B)/gen/$(notdir $(s:.sql=_sql.h))) $(B)/gen/queries_gen.h \
            $(B)/gen/migrations_gen.h
LIB      := $(B)/liborrery.a
SIMLIB   := $(B)/libdevice.a
BIN      := $(B)/orreryd $(B)/orrery-device $(B)/orrery-fleet
UNIT     := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
SERVER_T := $(patsubst %.c,$(B)/%,$(wildcard tests/server/*_test.c))
SUPPORT  := $(wildcard tests/support/*.c)
ALLC     := $(SRC) server/main.c $(SIM) $(AGENT) $(FLEET) $(SUPPORT) $(wildcard tests/*/*_test.c tests/fuzz/*.c tests/bench/*.c)
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

$(B)/orreryd: $(B)/server/main.o $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/orrery-device: $(AGENT:%.c=$(B)/%.o) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/orrery-fleet: $(FLEET:%.c=$(B)/%.o) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A test that defines store_run or clock_now_ms itself replaces that member of the archive.
$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(SUPPORT:%.c=$(B)/%.o) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB) $(LDLIBS) -lcmocka

$(B)/tests/server/%_test: $(B)/tests/server/%_test.o $(SUPPORT:%.c=$(B)/%.o) $(SIMLIB) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB) $(LDLIBS) -lcmocka

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

format: ## rewrite the C sources in house style
	clang-format -i $(wildcard $(ALLC)) $(ALLH)

clean: ## remove what was built
	rm -rf build web/dist

.PHONY: all help format clean
.SECONDARY:
-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)
