//! HOME, USER and LOGNAME of a child, from the entry of its user in /etc/passwd (environ(7)).
//!
//! `credentials.rs` calls it. The environment is built before the start and not in the child: the child shares dmon's
//! memory, and a change of the environment there would affect the other child.

use crate::applets::diag::error;
use crate::applets::env_edits::{TOO_MANY_VARIABLES, USER_VARIABLES, edit_copy};
use pure::exit::Exit;
use pure::text::{Put, Text, TextBuf};
use sys::c_str;
use sys::environment::Environment;
use sys::static_cell::StaticCell;

/// The texts `NAME=VALUE` of the variables, each with its NUL.
#[repr(C)]
pub struct UserVariables {
    user: TextBuf<{ "USER=".len() + 256 + 1 }>,
    logname: TextBuf<{ "LOGNAME=".len() + 256 + 1 }>,
    /// The home directory alone, of at most 4095 bytes (PATH_MAX).
    pub home: TextBuf<4095>,
    home_variable: TextBuf<{ "HOME=".len() + 4095 + 1 }>,
}

/// For the command and for the logger. Static, because on the stack they would need more pages.
static USER_BUFFERS: StaticCell<UserVariables, 1, 2> = StaticCell::new(
    [const {
        UserVariables {
            user: TextBuf::new(),
            logname: TextBuf::new(),
            home: TextBuf::new(),
            home_variable: TextBuf::new(),
        }
    }; 2],
);

impl UserVariables {
    /// Returns empty variables; `None` on the third call.
    pub fn claim() -> Option<&'static mut Self> {
        USER_BUFFERS.take()
    }

    /// Returns the environment with the variables of the user `login`, except those that are `edited` by `-E` and those
    /// without a value. `None` if there are no others.
    ///
    /// # Errors
    /// [`Exit::FAILED`] after a message, if the environment has too many variables.
    pub fn environment(
        &'static mut self,
        login: &[u8],
        edited: &[bool; 3],
    ) -> Result<Option<Environment>, Exit> {
        let Self { user, logname, home, home_variable } = self;
        let texts: [(&'static mut Text, &[u8]); 3] =
            [(home_variable, home.bytes()), (user, login), (logname, login)];
        let mut environment = None;
        for ((name, edited), (text, value)) in USER_VARIABLES.iter().zip(edited).zip(texts) {
            if *edited || value.is_empty() {
                continue;
            }
            for part in [name.as_bytes(), b"=", value, b"\0"] {
                text.put(part);
            }
            let set = c_str(text).map_or(Ok(()), |word| edit_copy(&mut environment, word));
            if set.is_err() {
                return Err(error("cannot set HOME, USER and LOGNAME", b"", TOO_MANY_VARIABLES));
            }
        }
        Ok(environment)
    }
}
