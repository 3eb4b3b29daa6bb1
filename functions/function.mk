include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../build.mk

# A version of a function is published when its own artifact changes. A change of the layer, of its packages or of the
# template changes no file of a function, so each artifact carries their hash: otherwise `live` would keep the old layer.
BUILT_FROM = cd "$(ROOT)" && find layers/common/python/strongroom requirements/layer.txt template.yaml build.mk \
	layers/common/Makefile functions/function.mk -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | \
	tr '\n' '\0' | xargs -0 $(SHA256) | $(SHA256) | cut -d ' ' -f 1

.PHONY: function
function:
	@mkdir -p "$(ARTIFACTS_DIR)"
	@cp -R "$(FOLDER)/." "$(ARTIFACTS_DIR)"
	@rm -f "$(ARTIFACTS_DIR)/Makefile"
	@find "$(ARTIFACTS_DIR)" -name __pycache__ -prune -exec rm -rf {} +
	@$(BUILT_FROM) > "$(ARTIFACTS_DIR)/built-from.txt"
	@$(call compile,$(ARTIFACTS_DIR),/var/task)
