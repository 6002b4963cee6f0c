//! HOME, USER and LOGNAME of a child, from the entry of its user in /etc/passwd (environ(7)).
//!
//! `credentials.rs` calls it. The environment is built before the start and not in the child: the child shares dmon's
//! memory, and a change of the environment there would affect the other child.

use crate::applets::diag::error;
use crate::applets::env_edits::{TOO_MANY_VARIABLES, USER_VARIABLES, edit_copy};
use pure::exit::Exit;
use pure::text::{Put, TextBuf, skip};
use sys::c_str;
use sys::environment::Environment;
use sys::static_cell::StaticCell;

/// The buffers for the variables of a user.
#[repr(C)]
pub struct UserVariables {
    /// The home directory alone, of at most 4095 bytes (PATH_MAX).
    pub home: TextBuf<4095>,
    /// The texts `NAME=VALUE`, each with its NUL.
    texts: TextBuf<{ "HOME=".len() + 4095 + "USER=LOGNAME=".len() + 2 * 256 + 3 }>,
}

/// For the command and for the logger. Static, because on the stack they would need more pages.
static USER_BUFFERS: StaticCell<UserVariables, 1, 2> =
    StaticCell::new([const { UserVariables { home: TextBuf::new(), texts: TextBuf::new() } }; 2]);

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
        let Self { home, texts } = self;
        let values = [home.bytes(), login, login];
        for ((name, edited), value) in USER_VARIABLES.iter().zip(edited).zip(values) {
            if !*edited && !value.is_empty() {
                [name.as_bytes(), b"=", value, b"\0"].iter().for_each(|part| texts.put(part));
            }
        }
        let mut environment = None;
        let mut rest: &'static [u8] = texts.bytes();
        while let Some(word) = c_str(rest) {
            edit_copy(&mut environment, word)
                .map_err(|_| error("cannot set HOME, USER and LOGNAME", b"", TOO_MANY_VARIABLES))?;
            rest = skip(rest, word.to_bytes_with_nul().len());
        }
        Ok(environment)
    }
}
