// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// Takes nothing.
contract Refuser {
    receive() external payable {
        revert("no");
    }
}

/// Burns all the gas it is given.
contract Burner {
    receive() external payable {
        assembly {
            invalid()
        }
    }
}

/// Reverts with a megabyte.
contract Bomber {
    receive() external payable {
        assembly {
            revert(0, 0x100000)
        }
    }
}

/// Takes a megabyte's worth of answer with it, and the money.
contract TalkativeTaker {
    receive() external payable {
        assembly {
            return(0, 0x10000)
        }
    }
}

/// A wallet that writes so many new slots (22,100 gas each) before it takes the money.
contract HeavyWallet {
    uint256 private immutable _slots;
    mapping(uint256 => uint256) private _written;
    uint256 private _count;

    constructor(uint256 slots) {
        _slots = slots;
    }

    receive() external payable {
        for (uint256 i; i < _slots; ++i) _written[_count++] = 1;
    }
}

/// Remembers how much gas it was given.
contract GasMeter {
    uint256 public given;

    receive() external payable {
        given = gasleft();
    }
}

/// On receiving, calls what it was told.
contract Reentrant {
    address private _target;
    bytes private _call;
    bool public tried;
    bool public succeeded;
    bytes public answer;

    function arm(address target, bytes calldata call_) external {
        (_target, _call) = (target, call_);
    }

    receive() external payable {
        if (_target != address(0)) {
            tried = true;
            (succeeded, answer) = _target.call(_call);
        }
    }
}

/// A wallet whose owner's key signs for it (ERC-1271).
contract ContractWallet {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(hash, signature) == _owner ? this.isValidSignature.selector : bytes4(0xffffffff);
    }

    receive() external payable {}
}
