// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ETH and tokens handled alike: the asset with the zero address is ETH
library Asset {
    address internal constant ETH = address(0);

    /// What this contract holds.
    function held(address asset) internal view returns (uint256) {
        return asset == ETH ? address(this).balance : IERC20(asset).balanceOf(address(this));
    }

    /// Sends with at most `gasLimit` gas and copies no more than one word of the answer, so that a hostile recipient or
    /// token costs no more than that. A token must answer true, or nothing at all from an address with code.
    function trySend(address asset, address to, uint256 amount, uint256 gasLimit) internal returns (bool ok) {
        if (asset == ETH) {
            assembly ("memory-safe") {
                ok := call(gasLimit, to, amount, 0, 0, 0, 0)
            }
        } else {
            bytes memory data = abi.encodeCall(IERC20.transfer, (to, amount));
            assembly ("memory-safe") {
                ok := call(gasLimit, asset, 0, add(data, 32), mload(data), 0, 32)
                let yes := and(eq(mload(0), 1), gt(returndatasize(), 31))
                let silent := and(iszero(returndatasize()), gt(extcodesize(asset), 0))
                ok := and(ok, or(yes, silent))
            }
        }
    }
}
