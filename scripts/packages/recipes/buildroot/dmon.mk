################################################################################
#
# dmon; see README.md one folder up
#
################################################################################

DMON_VERSION = 1.0.0-rc1
# The soft-float executable for version 5 runs on every ARM.
DMON_TARGET_x86_64 = x86_64-unknown-linux-musl
DMON_TARGET_i386 = i686-unknown-linux-musl
DMON_TARGET_i686 = i686-unknown-linux-musl
DMON_TARGET_aarch64 = aarch64-unknown-linux-musl
DMON_TARGET_arm = armv5te-unknown-linux-musleabi
DMON_TARGET_mipsel = mipsel-unknown-linux-musl
DMON_SOURCE = dmon-$(DMON_VERSION)-$(DMON_TARGET_$(ARCH)).tar.gz
DMON_SITE = $(DMON_ARCHIVES)
DMON_SITE_METHOD = file
DMON_LICENSE = MIT
DMON_LICENSE_FILES = share/doc/dmon/LICENSE

define DMON_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/bin/dmon $(TARGET_DIR)/usr/bin/dmon
	for name in dlog dsyslog dslog drlog denv envdir; do \
		ln -sf dmon $(TARGET_DIR)/usr/bin/$$name || exit 1; \
	done
endef

$(eval $(generic-package))
