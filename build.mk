# What the builds of the layer and of the functions share. `sam build` runs them with ARTIFACTS_DIR set.
#
# STRONGROOM_TARGET_PYTHON and STRONGROOM_TARGET_PLATFORM (in the environment) build for another machine than Lambda's,
# such as the one that this runs on. The platform is a name that `uv pip install --python-platform` knows.

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
FOLDER := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))

STRONGROOM_TARGET_PYTHON ?= 3.13
STRONGROOM_TARGET_PLATFORM ?= aarch64-manylinux_2_28
UV ?= uv

SHA256 := $(shell command -v sha256sum >/dev/null 2>&1 && echo sha256sum || echo shasum -a 256)

# An interpreter of exactly the target's minor version, if there is one: byte code of another would be ignored. It is
# asked rather than looked up, since a name on the PATH may be the empty shell of a version manager.
COMPILER := $(shell python$(STRONGROOM_TARGET_PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null)

# $(call compile,folder,where the folder will be in Lambda). unchecked-hash: the byte code holds no time of this build,
# and Lambda does not look at the source before it uses it.
ifeq ($(COMPILER),)
compile = echo "no Python $(STRONGROOM_TARGET_PYTHON) at hand: built without byte code"
else
compile = "$(COMPILER)" -m compileall -q --invalidation-mode unchecked-hash -s "$(1)" -p "$(2)" "$(1)"
endif
