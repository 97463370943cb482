// SPDX-License-Identifier: Apache-2.0
//
// version: of this server, its agent and its fleet.

#pragma once

#define ORRERY_VERSION "0.1.0"
